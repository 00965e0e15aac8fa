/** The terms of a transaction of ours. */
export interface TransactionTerms<T> {
  /**
   * Its fate if the caller has stopped waiting. Sessions that end for a new one must stay then, because nobody gets its
   * tokens. By default it is committed.
   */
  readonly whenLate?: 'commit' | 'undo';
  /** Called after the commit, even one whose caller has stopped waiting; in a caller's transaction, after the work. */
  readonly onCommit?: (result: T) => void;
  /** Names of what it may wait for. While it is overdue, no other that names one of them begins. */
  readonly locks?: readonly string[];
}
