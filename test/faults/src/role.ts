/** What a call is to the fault that it meets; docs/faults.md says what each means. */
export type Role =
  | 'in flight'
  | 'not begun'
  | 'not begun, has written'
  | 'begun meanwhile'
  | 'begun after'
  | 'with a deadline'
  | 'without a deadline'
  | 'no other connection'
  | 'other connections'
  | 'wait for ready';
