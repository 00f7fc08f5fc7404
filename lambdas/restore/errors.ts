/** Why a run is not undone. */

/** The table knows no run of this id. */
export class UnknownRunError extends Error {
  override readonly name = 'UnknownRunError';

  constructor(runId: string) {
    super(
      `no run ${JSON.stringify(runId)} is known: \`registry-prune runs\` lists those that are, of one year; ` +
        'a dry run leaves none',
    );
  }
}

/** The run is known and cannot be undone. Nothing was done. */
export class RestoreRefusedError extends Error {
  override readonly name = 'RestoreRefusedError';
}
