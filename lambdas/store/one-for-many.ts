/**
 * Work that serves everybody who has asked before it begins. Of each name one piece is done at a time; who asks while it
 * is under way gets the next one, together with all who ask until that begins. So it has seen what each of them did before.
 */
export class OneForMany {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  /** @throws what the work throws, to all that it was done for. */
  async do(name: string, work: () => Promise<void>): Promise<void> {
    const next = this.#next.get(name);
    if (next !== undefined) return await next;
    const running = this.#running.get(name);
    if (running === undefined) return await this.#begin(name, work);
    const begin = (): Promise<void> => {
      this.#next.delete(name);
      return this.#begin(name, work);
    };
    const mine = running.then(begin, begin);
    this.#next.set(name, mine);
    await mine;
  }

  #begin(name: string, work: () => Promise<void>): Promise<void> {
    const running = work().finally(() => {
      if (this.#running.get(name) === running) this.#running.delete(name);
    });
    this.#running.set(name, running);
    return running;
  }
}
