/** What the processes of the soak have of the one that started them. */

/** Aborted when the parent asks for an end, or is gone. */
export function endOfParent(): AbortSignal {
  const controller = new AbortController();
  process.once('disconnect', () => controller.abort());
  return controller.signal;
}

export function tell<Message>(message: Message): void {
  if (process.connected) process.send?.(message);
}
