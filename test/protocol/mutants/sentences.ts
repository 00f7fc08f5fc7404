/** The sentences of the protocol that close a loss or a leak (marked † where it was designed), each with what takes it out. */
export interface Sentence {
  /** The part and the step of docs/safety.md, section 4, by which the mutants' names begin. */
  readonly step: string;
  readonly sentence: string;
  readonly mutants: readonly string[];
}

export const SENTENCES: readonly Sentence[] = [
  {
    step: 'indexer 3',
    sentence: 'A touched target is live and queued; only a run unqueues it, on the version it read.',
    mutants: [
      'a touch does not queue',
      'a touch does not renew the grace',
      'a touch does not count as a change',
      'a run unqueues what was touched since',
    ],
  },
  {
    step: 'indexer 4',
    sentence: 'After the touches, the link of each blob is looked at and written where it is absent.',
    mutants: ['relink skipped'],
  },
  {
    step: 'indexer 4',
    sentence: 'A link that is absent though a manifest of the repository needs the blob is written back.',
    mutants: ['a link that goes while a manifest needs it stays away'],
  },
  {
    step: 'indexer 6',
    sentence:
      'Where the revisions link is absent, the edges go in any state, and the item gets a new version.',
    mutants: ['edges of what is deleted stay', 'no new version for what goes anyway'],
  },
  {
    step: 'indexer 7',
    sentence: 'Data of a blob that is unknown or deleted makes it live and queued.',
    mutants: ['data alone makes no item', 'data of a deleted blob makes it no candidate'],
  },
  {
    step: 'manifest 1',
    sentence: 'First the grace, only then the holders.',
    mutants: ['holders before the grace'],
  },
  {
    step: 'manifest 1',
    sentence: "A tag counts only if the bucket's link names the manifest.",
    mutants: ['trust the index'],
  },
  {
    step: 'manifest 3',
    sentence:
      'It goes with all above it that are not held; where one cannot be taken, those taken are repaired.',
    mutants: ['taken without what is above it', 'what was taken is not given back'],
  },
  {
    step: 'manifest 4',
    sentence: 'The holders are looked at again; one counts unless it is itself being deleted.',
    mutants: ['no second look', 'a holder without an item does not count'],
  },
  {
    step: 'manifest 6',
    sentence:
      'The version under the marker is the journalled one, or the marker is removed and all are repaired.',
    mutants: ['no look at the version under the marker', 'no If-Match'],
  },
  {
    step: 'manifest 7',
    sentence: 'The edge is removed first, and whoever else needs the blob is looked for second.',
    mutants: [
      'looked for others that need a blob before the edge was removed',
      'a blob that is no longer needed is not queued',
    ],
  },
  {
    step: 'manifest 8',
    sentence: 'The tombstone is written on the version; only then is it counted.',
    mutants: ['counted and buried whatever was written meanwhile'],
  },
  {
    step: 'repair',
    sentence: 'Nothing leaves deleting for live unrepaired.',
    mutants: ['a manifest goes live unrepaired', 'a blob goes live unrepaired', 'tags are not uncovered'],
  },
  {
    step: 'blob 2',
    sentence: 'The edge of a link is marked removed only if it is unchanged since it was read.',
    mutants: [
      'a link that was written meanwhile is marked removed',
      'an unlinked repository does not get its link back',
      'no look for a reference after the link went',
    ],
  },
  {
    step: 'blob 5',
    sentence: 'The last look goes to the table and to the bucket; what is found has its edge put back.',
    mutants: [
      'no last look in the bucket',
      'no last look at all',
      'the edge of a link that is found is not put back',
    ],
  },
  {
    step: 'blob 7',
    sentence: 'HEAD first, so that hidden data is not deleted a second time.',
    mutants: ['no HEAD before the deletion'],
  },
  {
    step: 'blob 8',
    sentence: 'The tombstone is written on the version; only its success counts the bytes.',
    mutants: ['counted before the tombstone', 'a tombstone whatever was written meanwhile'],
  },
  {
    step: 'crashes',
    sentence: 'What an earlier run left deleting is resolved: finished or repaired.',
    mutants: ['a blob found deleting is left', 'a manifest found deleting is left'],
  },
  {
    step: 'crashes',
    sentence:
      'What a worker of the same run deletes is left to it: nothing of it is over while its fence holds.',
    mutants: [
      'a blob that another worker of the run deletes is taken from it',
      'a manifest that another worker of the run deletes is taken from it',
    ],
  },
];
