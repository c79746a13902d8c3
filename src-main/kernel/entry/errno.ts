/** Error numbers as system calls return them (negated); the table is in uapi.ts, below mm/. */
export * from '../uapi'
