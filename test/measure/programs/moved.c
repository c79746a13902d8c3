/* moved WHAT: mappings that move, grow and shrink: locked ones, huge ones, files; and what a limit refuses. One function an experiment. */
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

static void locked(void){ char*p,*q,*t,*t0; int r; hsig(); int fd=open("/shm/m",O_CREAT|O_RDWR,0644); if(ftruncate(fd,4*MB)){}
  STEP("mmap 2MiB and lock it", p=amap(2*MB,RW,ANON); r=mlock(p,2*MB); RET);
  STEP("move it elsewhere", p=mremap(p,2*MB,2*MB,MREMAP_MAYMOVE|MREMAP_FIXED,0x400000000); ADDR(p));
  STEP("grow it there to 3MiB (populated)", p=mremap(p,2*MB,3*MB,0); ADDR(p));
  STEP("shrink it to 1MiB", p=mremap(p,3*MB,MB,0); ADDR(p));
  STEP("DONTUNMAP of it", q=mremap(p,MB,MB,MREMAP_MAYMOVE|MREMAP_DONTUNMAP,0); ADDR(q));
  STEP("write where it is now", wtouch(q,MB,PG));
  STEP("grow that to 2MiB", q=mremap(q,MB,2*MB,MREMAP_MAYMOVE); ADDR(q));
  STEP("map a file shared, locked", t=t0=mmap(0,2*MB,RW,MAP_SHARED|MAP_LOCKED,fd,0); ADDR(t));
  STEP("write it", wtouch(t,2*MB,PG));
  STEP("grow it over the end of the file", t=mremap(t,2*MB,6*MB,MREMAP_MAYMOVE); ADDR(t));
  STEP("truncate the file to 1MiB", r=ftruncate(fd,MB); RET);
  STEP("read the locked map behind the end", TRY(sink=t[2*MB]); SIGX(t0));
  STEP("munlock half of it", r=munlock(t,512*1024); RET);
  STEP("shrink it to 256KiB", t=mremap(t,6*MB,MB/4,0); ADDR(t));
  STEP("map the file private, lock it, write it", p=mmap(0,MB,RW,MAP_PRIVATE,fd,0); mlock(p,MB); wtouch(p,MB,PG));
  STEP("truncate the file to nothing", r=ftruncate(fd,0); RET);
  STEP("read the copies", TRY(sink=p[0]); SIGX(p));
  STEP("munlockall", r=munlockall(); RET);
}

static void huge(void){ char*p,*q,*b; int r; char*a=mmap((char*)0x400000000,16*MB,RW,ANON|MAP_FIXED,-1,0);
  STEP("write 16MiB (8 huge pages)", wtouch(a,16*MB,PG));
  STEP("shrink it to 11MiB (a huge page is cut)", q=mremap(a,16*MB,11*MB,0); ADDR(q));
  STEP("grow it to 20MiB in place", q=mremap(a,11*MB,20*MB,0); ADDR(q));
  STEP("write the new part", wtouch(a+11*MB,9*MB,PG));
  STEP("move all to a place 1MiB off", q=mremap(a,20*MB,20*MB,MREMAP_MAYMOVE|MREMAP_FIXED,0x480100000); ADDR(q));
  STEP("write it there", wtouch(q,20*MB,PG));
  STEP("move it back", a=mremap(q,20*MB,20*MB,MREMAP_MAYMOVE|MREMAP_FIXED,0x400000000); ADDR(a));
  STEP("COLLAPSE the first 4MiB", r=madvise(a,4*MB,25); RET);
  STEP("DONTUNMAP the 20MiB to an aligned place", q=mremap(a,20*MB,20*MB,MREMAP_MAYMOVE|MREMAP_DONTUNMAP|MREMAP_FIXED,0x500000000); ADDR(q));
  STEP("read what stayed (a huge zero page)", sink=a[0]);
  STEP("write the moved one", wtouch(q,20*MB,PG));
  STEP("munmap it", munmap(q,20*MB));
}

static void limits(void){ char*p,*q; int r; struct rlimit l={0,RLIM_INFINITY}; struct kv0{int x;}; long vm;
  STEP("RLIMIT_DATA 4MiB: mmap 2MiB and 4MiB", l.rlim_cur=4*MB; setrlimit(RLIMIT_DATA,&l); p=amap(2*MB,RW,ANON); q=mmap(0,4*MB,RW,ANON,-1,0); ADDR(q));
  STEP("read-only memory is not data", q=mmap(0,4*MB,PROT_READ,ANON,-1,0); ADDR(q));
  STEP("but mprotect makes it so", r=mprotect(q,4*MB,RW); RET);
  STEP("half a MiB of it may", r=mprotect(q,MB/2,RW); RET);
  STEP("shared memory is not data", q=mmap(0,8*MB,RW,MAP_SHARED|MAP_ANONYMOUS,-1,0); ADDR(q));
  STEP("mremap 2MiB to 4MiB", q=mremap(p,2*MB,4*MB,MREMAP_MAYMOVE); ADDR(q));
  STEP("sbrk 4MiB", q=sbrk(4*MB); ADDR(q));
  STEP("unlimited again: sbrk 4MiB and write it", l.rlim_cur=RLIM_INFINITY; setrlimit(RLIMIT_DATA,&l); q=sbrk(4*MB); wtouch(q,4*MB,PG));
  STEP("mprotect 1MiB of the heap read-only", r=mprotect(q+MB,MB,PROT_READ); RET);
  STEP("sbrk 1MiB more and write it", p=sbrk(MB); wtouch(p,MB,PG));
  STEP("sbrk -4MiB (over the cut)", p=sbrk(-4*(long)MB); ADDR(p));
  STEP("munmap 256KiB of the heap, sbrk 2MiB, write it", munmap(q+MB/2,MB/4); p=sbrk(2*MB); wtouch(p,2*MB,PG));
}

int main(int c,char**v){ const char*a=c>1?v[1]:""; mm_init();
  if(!strcmp(a,"locked"))locked(); else if(!strcmp(a,"huge"))huge(); else if(!strcmp(a,"limits"))limits(); return 0; }
