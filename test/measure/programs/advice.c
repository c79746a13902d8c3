#include "mm.h"
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
/* advice on anonymous memory that reclaim acts on: paged out, read and written again, cold, free, with and without swap readahead */
int main(int c,char**v){ mm_init(); size_t n=32*MB; char*p;
  STEP("mmap 32MiB and write", p=amap(n,RW,ANON); wtouch(p,n,PG));
  STEP("MADV_PAGEOUT first 8MiB", madvise(p,8*MB,MADV_PAGEOUT));
  STEP("read first 4MiB", rtouch(p,4*MB,PG));
  STEP("write 4..8MiB", wtouch(p+4*MB,4*MB,PG));
  STEP("MADV_PAGEOUT first 8MiB again", madvise(p,8*MB,MADV_PAGEOUT));
  STEP("write first 8MiB backward", for(long i=8*MB/PG-1;i>=0;i--)p[i*PG]=2);
  STEP("MADV_COLD 8..16MiB", madvise(p+8*MB,8*MB,MADV_COLD));
  STEP("MADV_FREE 16..24MiB", madvise(p+16*MB,8*MB,MADV_FREE));
  STEP("write 16..18MiB", wtouch(p+16*MB,2*MB,PG));
  STEP("MADV_PAGEOUT 16..24MiB", madvise(p+16*MB,8*MB,MADV_PAGEOUT));
  STEP("read 16..24MiB", rtouch(p+16*MB,8*MB,PG));
  STEP("MADV_DONTNEED 16..18MiB", madvise(p+16*MB,2*MB,MADV_DONTNEED));
  wr("/proc/sys/vm/page-cluster","0");
  STEP("MADV_PAGEOUT 24..32MiB", madvise(p+24*MB,8*MB,MADV_PAGEOUT));
  STEP("read 24..28MiB without readahead", rtouch(p+24*MB,4*MB,PG));
  STEP("MADV_WILLNEED 28..32MiB", madvise(p+28*MB,4*MB,MADV_WILLNEED));
  STEP("read 28..32MiB", rtouch(p+28*MB,4*MB,PG));
  STEP("munmap", munmap(p,n)); return 0; }
