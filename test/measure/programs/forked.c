/* forked WHAT: memory of a parent and its child: in swap, wiped, left out, locked, shared, from files. One function an experiment. */
#include "mm.h"
static sigjmp_buf jb; static volatile int g_sig,g_code; static void*volatile g_addr; static char altstk[65536];
static void onsig(int s,siginfo_t*i,void*u){ g_sig=s; g_code=i->si_code; g_addr=i->si_addr; siglongjmp(jb,1); }
static void hsig(void){ stack_t ss={.ss_sp=altstk,.ss_size=sizeof altstk}; memset(altstk,0,sizeof altstk); sigaltstack(&ss,0); struct sigaction a={0}; a.sa_sigaction=onsig; a.sa_flags=SA_SIGINFO|SA_ONSTACK|SA_NODEFER; sigaction(SIGSEGV,&a,0); sigaction(SIGBUS,&a,0); }
#define TRY(code) do{ g_sig=0; g_code=0; g_addr=0; if(!sigsetjmp(jb,1)){ code; } }while(0)
#define SIGX(base) XF("\"sig\":%d,\"si_code\":%d,\"si_addr\":\"%p\",\"base\":\"%p\"",g_sig,g_code,g_addr,(void*)(base))
#define RET XF("\"ret\":%d,\"errno\":%d",r,r<0?errno:0)
#define ADDR(p) XF("\"ret\":\"%p\",\"errno\":%d",(void*)(p),(p)==MAP_FAILED?errno:0)
#define NR(s) wr("/proc/sys/vm/nr_hugepages",s)
#define OC(s) wr("/proc/sys/vm/nr_overcommit_hugepages",s)
#define HT (ANON|MAP_HUGETLB)
#define HS (MAP_SHARED|MAP_ANONYMOUS|MAP_HUGETLB)

static void locked(void){ char*p,*q; int r; pid_t c; int w; char*a=mmap((char*)0x400000000,20*MB,RW,ANON|MAP_FIXED,-1,0);
  STEP("mlock2 ONFAULT of 20MiB", r=mlock2(a,20*MB,MLOCK_ONFAULT); RET);
  STEP("write it (10 locked huge pages)", wtouch(a,20*MB,PG));
  STEP("munmap one whole", munmap(a+18*MB,2*MB));
  STEP("munmap half of one", munmap(a+17*MB,MB));
  STEP("munlock the other half", r=munlock(a+16*MB,MB); RET);
  STEP("mprotect a quarter of one", r=mprotect(a,MB/2,PROT_READ); RET);
  STEP("DONTNEED_LOCKED of a part", r=madvise(a+2*MB,MB,24); RET);
  STEP("write it again", wtouch(a+2*MB,MB,PG));
  STEP("munlock a whole one", r=munlock(a+6*MB,2*MB); RET);
  STEP("lock it again by mlock", r=mlock(a+6*MB,2*MB); RET);
  STEP("fork: a child writes one byte of a locked huge page and ends", c=fork(); if(!c){ a[8*MB]=1; _exit(0); } waitpid(c,&w,0));
  STEP("the parent writes it", wtouch(a+8*MB,2*MB,PG));
  STEP("munlockall", r=munlockall(); RET);
  STEP("munmap what is left", munmap(a,17*MB));
}

static void swap(void){ char*p,*s; int r,a[2],b[2],w; char x; pid_t c; long n; pipe(a); pipe(b); p=amap(16*MB,RW,ANON); resident(p,16*MB); munmap(p,16*MB);
  STEP("mmap 16MiB private and write it", p=amap(16*MB,RW,ANON); wtouch(p,16*MB,PG));
  STEP("PAGEOUT 8MiB of it", r=madvise(p,8*MB,MADV_PAGEOUT); RET);
  STEP("mincore", n=resident(p,16*MB); XF("\"resident\":%ld",n));
  STEP("fork: a child", c=fork(); if(!c) goto child);
  STEP("PAGEOUT of what is shared (stays)", r=madvise(p+8*MB,4*MB,MADV_PAGEOUT); RET);
  STEP("the parent reads 2MiB back", rtouch(p,2*MB,PG));
  STEP("the parent writes 1MiB of them", wtouch(p,MB,PG));
  STEP("the parent writes 1MiB that is in swap", wtouch(p+4*MB,MB,PG));
  write(a[1],"x",1); read(b[0],&x,1);
  STEP("after the child wrote 4MiB and read 2MiB", rtouch(p,16*MB,PG));
  write(a[1],"x",1); waitpid(c,&w,0);
  STEP("the child is gone: write all", wtouch(p,16*MB,PG));
  STEP("write all again", wtouch(p,16*MB,PG));
  STEP("PAGEOUT all", r=madvise(p,16*MB,MADV_PAGEOUT); RET);
  STEP("DONTNEED 8MiB of it", r=madvise(p,8*MB,MADV_DONTNEED); RET);
  STEP("mlock 2MiB that are in swap", r=mlock(p+8*MB,2*MB); RET);
  STEP("mprotect 2MiB in swap read-only, read them", mprotect(p+10*MB,2*MB,PROT_READ); rtouch(p+10*MB,2*MB,PG));
  STEP("writable again and write them", mprotect(p+10*MB,2*MB,RW); wtouch(p+10*MB,2*MB,PG));
  STEP("munmap", munmap(p,16*MB));
  return; child: read(a[0],&x,1); wtouch(p,4*MB,PG); rtouch(p+6*MB,2*MB,PG); write(b[1],"x",1); read(a[0],&x,1); _exit(0);
}

static void shmem(void){ char*s,*t,*f; int r,w; long n; pid_t c; int fd=open("/shm/x",O_CREAT|O_RDWR,0644); static char buf[65536]; memset(buf,1,sizeof buf); if(ftruncate(fd,8*MB)){} resident((char*)((unsigned long)buf&~4095UL),PG);
  STEP("mmap 8MiB shared anonymous and write it", s=amap(8*MB,RW,MAP_SHARED|MAP_ANONYMOUS); wtouch(s,8*MB,PG));
  STEP("PAGEOUT 4MiB of it", r=madvise(s,4*MB,MADV_PAGEOUT); RET);
  STEP("mincore", n=resident(s,8*MB); XF("\"resident\":%ld",n));
  STEP("read 2MiB back", rtouch(s,2*MB,PG));
  STEP("write 1MiB of the rest", wtouch(s+2*MB,MB,PG));
  STEP("MADV_REMOVE 4MiB, half of it in swap", r=madvise(s+2*MB,4*MB,MADV_REMOVE); RET);
  STEP("write it again", wtouch(s+2*MB,4*MB,PG));
  STEP("map the file and write it", f=mmap(0,8*MB,RW,MAP_SHARED,fd,0); wtouch(f,8*MB,PG));
  STEP("PAGEOUT of it", r=madvise(f,8*MB,MADV_PAGEOUT); RET);
  STEP("truncate it to 2MiB", r=ftruncate(fd,2*MB); RET);
  STEP("map it privately and read it", t=mmap(0,2*MB,RW,MAP_PRIVATE,fd,0); rtouch(t,2*MB,PG));
  STEP("write it", wtouch(t,2*MB,PG));
  STEP("PAGEOUT of the copies", r=madvise(t,2*MB,MADV_PAGEOUT); RET);
  STEP("truncate it to nothing", r=ftruncate(fd,0); RET);
  STEP("munmap all", munmap(s,8*MB); munmap(f,8*MB); munmap(t,2*MB));
}

static void advice(void){ char*p,*q,*s; int r,a[2],b[2],w; char x; pid_t c; long n; pipe(a); pipe(b); hsig(); int fd=open("/shm/y",O_CREAT|O_RDWR,0644); if(ftruncate(fd,MB)){}
  STEP("mmap 8MiB and write it", p=amap(8*MB,RW,ANON); wtouch(p,8*MB,PG));
  STEP("WIPEONFORK of 2MiB", r=madvise(p,2*MB,18); RET);
  STEP("DONTFORK of 2MiB", r=madvise(p+2*MB,2*MB,MADV_DONTFORK); RET);
  STEP("mlock 1MiB", r=mlock(p+4*MB,MB); RET);
  STEP("MADV_FREE of 1MiB", r=madvise(p+5*MB,MB,MADV_FREE); RET);
  STEP("a private map of a file, half of it written", q=mmap(0,MB,RW,MAP_PRIVATE,fd,0); rtouch(q,MB,PG); wtouch(q,MB/2,PG));
  STEP("WIPEONFORK of a file", r=madvise(q,MB,18); RET);
  STEP("fork: a child", c=fork(); if(!c) goto child);
  read(b[0],&x,1);
  STEP("the parent writes all of it", wtouch(p,8*MB,PG));
  STEP("and the map of the file", wtouch(q,MB,PG));
  write(a[1],"x",1); waitpid(c,&w,0);
  STEP("the child is gone: write all of it", wtouch(p,8*MB,PG));
  STEP("KEEPONFORK and DOFORK", madvise(p,2*MB,19); r=madvise(p+2*MB,2*MB,MADV_DOFORK); RET);
  STEP("munlockall", munlockall());
  STEP("munmap all", munmap(p,8*MB); munmap(q,MB));
  return; child: touchbufs(); refds(); hsig(); write(b[1],"x",1); read(a[0],&x,1);
  STEP("child: what was wiped", rtouch(p,2*MB,PG));
  STEP("child: write what was wiped", wtouch(p,2*MB,PG));
  STEP("child: what was left out", TRY(sink=p[2*MB]); SIGX(p+2*MB));
  STEP("child: write the locked part", wtouch(p+4*MB,MB,PG));
  STEP("child: write the lazily freed part", wtouch(p+5*MB,MB,PG));
  STEP("child: read the map of the file", rtouch(q,MB,PG));
  STEP("child: write it", wtouch(q,MB,PG)); _exit(0);
}

int main(int c,char**v){ const char*a=c>1?v[1]:""; mm_init();
  if(!strcmp(a,"locked"))locked(); else if(!strcmp(a,"swap"))swap(); else if(!strcmp(a,"shmem"))shmem(); else if(!strcmp(a,"advice"))advice(); return 0; }
