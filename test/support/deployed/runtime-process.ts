/** The child of `runtime.ts`: imports a bundle as Lambda does, and calls its handler for each message. */
const [, , file = ''] = process.argv;

// Of this thread's processor time, so that it does not matter what else the machine does.
const before = process.threadCpuUsage();
const { handler } = await import(file);
const { user, system } = process.threadCpuUsage(before);
process.send?.({ imported: (user + system) / 1000 });

interface Call {
  readonly id: number;
  readonly event: unknown;
  readonly context: { readonly deadline: number } & Readonly<Record<string, unknown>>;
}

process.on('message', async ({ id, event, context: { deadline, ...context } }: Call) => {
  const getRemainingTimeInMillis = (): number => deadline - Date.now();
  try {
    const result: unknown = await handler(event, { ...context, getRemainingTimeInMillis });
    process.send?.({ id, result: JSON.stringify(result ?? null) });
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    process.send?.({ id, error: { name, message, stack } });
  }
});
