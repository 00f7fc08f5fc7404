/** What the services refuse. The adapters cut their requests to these, and the twins in memory page by them. */

/** Keys in one BatchGetItem. */
export const MAX_BATCH_GET_KEYS = 100;
/** Puts and deletes in one BatchWriteItem. */
export const MAX_BATCH_WRITES = 25;
/** An item: names and values. */
export const MAX_ITEM_BYTES = 400 * 1024;
/** A page of Query or Scan. */
export const MAX_PAGE_BYTES = 1024 * 1024;
export const MAX_PARTITION_KEY_BYTES = 2048;
export const MAX_SORT_KEY_BYTES = 1024;

/** Keys in one DeleteObjects. */
export const MAX_DELETE_KEYS = 1000;
/** Keys and common prefixes in one page of a listing. */
export const MAX_LIST_KEYS = 1000;

/** Entries in one PutEvents. */
export const MAX_BUS_ENTRIES = 10;
/** One entry of PutEvents, as EventBridge counts it. */
export const MAX_BUS_ENTRY_BYTES = 256 * 1024;

/** Messages in one receive, and entries in one batch, of SQS. */
export const MAX_QUEUE_BATCH = 10;
/** A message's delay (seconds). */
export const MAX_QUEUE_DELAY = 900;
