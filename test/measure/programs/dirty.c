#include "mm.h"
/* dirty pages of files: what fsync, msync, truncate, unlink, sync_file_range and fadvise do to them; overwritten, appended, in holes, through mappings */
static char b[65536];
static void w(int fd,long from,long n){ for(long o=from;o<from+n;o+=sizeof b) if(pwrite(fd,b,sizeof b,o)<0){ P("{\"step\":\"write error\",\"errno\":%d}\n",errno); break; } }
int main(int c,char**v){ int fd,g; char*p; memset(b,5,sizeof b); mm_init();
  STEP("write 8MiB new file", fd=open("/mnt/a",O_CREAT|O_RDWR,0644); w(fd,0,8*MB));
  STEP("overwrite first 4MiB while dirty", w(fd,0,4*MB));
  STEP("fsync", fsync(fd));
  STEP("fsync again", fsync(fd));
  STEP("overwrite first 4MiB", w(fd,0,4*MB));
  STEP("append 4MiB", w(fd,8*MB,4*MB));
  STEP("truncate to 10MiB (half of the dirty tail)", if(ftruncate(fd,10*MB)){});
  STEP("fdatasync", fdatasync(fd));
  STEP("grow to 16MiB by ftruncate", if(ftruncate(fd,16*MB)){});
  STEP("write 1MiB into the hole at 12MiB", w(fd,12*MB,MB));
  STEP("read all", for(long o=0;o<16*MB;o+=sizeof b) if(pread(fd,b,sizeof b,o)<0)break);
  STEP("fadvise DONTNEED all (dirty stay)", posix_fadvise(fd,0,0,POSIX_FADV_DONTNEED));
  STEP("sync", sync());
  STEP("fadvise DONTNEED all (all go)", posix_fadvise(fd,0,0,POSIX_FADV_DONTNEED));
  STEP("mmap shared, write 4MiB cold", p=mmap(0,4*MB,RW,MAP_SHARED,fd,0); wtouch(p,4*MB,PG));
  STEP("msync MS_ASYNC", msync(p,4*MB,MS_ASYNC));
  STEP("msync MS_SYNC first 2MiB", msync(p,2*MB,MS_SYNC));
  STEP("write the first 1MiB again", wtouch(p,MB,PG));
  STEP("munmap dirty", munmap(p,4*MB));
  STEP("write 1 byte in each 64KiB of the last 4MiB", for(long o=0;o<4*MB;o+=65536) if(pwrite(fd,b,1,12*MB+o)<0)break);
  STEP("fsync", fsync(fd));
  STEP("write 6MiB to another file, unlink it open", g=open("/mnt/b",O_CREAT|O_RDWR,0644); w(g,0,6*MB); unlink("/mnt/b"));
  STEP("close it (dirty pages go)", close(g));
  STEP("truncate first file to 0", if(ftruncate(fd,0)){});
  STEP("mmap shared hole 4MiB, read all, write half", if(ftruncate(fd,4*MB)){} p=mmap(0,4*MB,RW,MAP_SHARED,fd,0); rtouch(p,4*MB,PG); wtouch(p,2*MB,PG));
  STEP("sync, then fork; child writes other half and exits", sync(); pid_t k=fork(); if(!k){ wtouch(p+2*MB,2*MB,PG); _exit(0);} int st; waitpid(k,&st,0));
  STEP("munmap and close", munmap(p,4*MB); close(fd));
  STEP("unlink first file", unlink("/mnt/a"));
  STEP("sync", sync());
  return 0; }
