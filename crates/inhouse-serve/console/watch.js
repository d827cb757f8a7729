// Asking again and again, while somebody looks.

export class Watch {
  /** @param {(signal: AbortSignal) => Promise<number>} look asks; after so many ms it is asked again, and never after 0 */
  constructor(look) {
    this.look = look;
    this.leaving = new AbortController();
    this.timer = 0;
    this.seen = () => !document.hidden && this.again();
    document.addEventListener("visibilitychange", this.seen);
  }

  /** Asks now. */
  again() {
    this.leaving.abort();
    this.leaving = new AbortController();
    this.run(this.leaving.signal);
  }

  /** @param {AbortSignal} signal */
  async run(signal) {
    clearTimeout(this.timer);
    const delay = await this.look(signal);
    if (delay > 0 && !signal.aborted && !document.hidden) this.timer = setTimeout(() => this.run(signal), delay);
  }

  leave() {
    this.leaving.abort();
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.seen);
  }
}
