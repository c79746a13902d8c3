/** What a request is for: who is told when it is done (mm/page_io.ts). */
export const BIO_SWAP_READ = 1
export const BIO_SWAP_WRITE = 2
/** Pages index … index + nr - 1 of inode `obj`. */
export const BIO_FILE_READ = 3
export const BIO_FILE_WRITE = 4
