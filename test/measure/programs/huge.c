/* huge WHAT: mappings of huge pages that are reserved, shared, cut, locked and moved. One function an experiment. */
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

static void shared(void){ char*p,*q; int r; hsig(); NR("12");
  STEP("mmap 16MiB shared (8 reserved)", p=mmap(0,16*MB,RW,HS,-1,0); ADDR(p));
  STEP("write 3 of them", wtouch(p,6*MB,2*MB));
  STEP("mmap 8MiB private (4 reserved)", q=mmap(0,8*MB,RW,HT,-1,0); ADDR(q));
  STEP("read 2 of the private ones", rtouch(q,4*MB,2*MB));
  STEP("write them", wtouch(q,4*MB,2*MB));
  STEP("mprotect one read-only and write it", mprotect(q,2*MB,PROT_READ); TRY(q[9]=1); SIGX(q));
  STEP("mprotect of half a huge page", r=mprotect(q,MB,RW); RET);
  STEP("mprotect it writable and write it", mprotect(q,2*MB,RW); q[0]=1);
  STEP("DONTNEED of one private page", r=madvise(q,2*MB,MADV_DONTNEED); RET);
  STEP("DONTNEED of half a page", r=madvise(q+2*MB,MB,MADV_DONTNEED); RET);
  STEP("write the private ones again", wtouch(q,4*MB,2*MB));
  STEP("DONTNEED of a shared one (stays)", r=madvise(p,2*MB,MADV_DONTNEED); RET);
  STEP("write it again", p[0]=1);
  STEP("MADV_REMOVE of two shared ones", r=madvise(p,4*MB,MADV_REMOVE); RET);
  STEP("write one of them again", p[2*MB]=1);
  STEP("MADV_FREE", r=madvise(q,2*MB,MADV_FREE); RET);
  STEP("MADV_COLD", r=madvise(q,2*MB,MADV_COLD); RET);
  STEP("MADV_PAGEOUT", r=madvise(q,2*MB,MADV_PAGEOUT); RET);
  STEP("MADV_WILLNEED", r=madvise(q,2*MB,MADV_WILLNEED); RET);
  STEP("POPULATE_WRITE of the rest", r=madvise(q,8*MB,23); RET);
  STEP("mlock it", r=mlock(q,8*MB); RET);
  STEP("munlock it", r=munlock(q,8*MB); RET);
  STEP("munmap half a huge page", r=munmap(q+6*MB,MB); RET);
  STEP("munmap the last private one", r=munmap(q+6*MB,2*MB); RET);
  STEP("munmap the middle of the shared ones", r=munmap(p+6*MB,4*MB); RET);
  STEP("nr_hugepages=0 (surplus)", NR("0"));
  STEP("munmap all", munmap(p,6*MB); munmap(p+10*MB,6*MB); munmap(q,6*MB));
}

static void child(void){ char*p,*s; int r,a[2],b[2],w=0; char x; pid_t c; pipe(a); pipe(b); hsig(); NR("8");
  STEP("mmap 6MiB private and write it", p=mmap(0,6*MB,RW,HT,-1,0); wtouch(p,6*MB,2*MB));
  STEP("mmap 4MiB shared and write half", s=mmap(0,4*MB,RW,HS,-1,0); s[0]=1);
  STEP("fork: a child", c=fork(); if(!c) goto child);
  read(b[0],&x,1);
  STEP("the parent writes one private page (copy)", p[0]=2);
  write(a[1],"x",1); read(b[0],&x,1);
  STEP("after the child wrote both shared and one private", rtouch(s,4*MB,2*MB));
  STEP("the parent writes its second (the child has a copy)", p[2*MB]=2);
  STEP("the parent writes its third (copy)", p[4*MB]=2);
  STEP("the pool grows to 9", NR("9"));
  write(a[1],"x",1); waitpid(c,&w,0);
  STEP("the child is gone", wtouch(p,6*MB,2*MB));
  STEP("munmap both", munmap(p,6*MB); munmap(s,4*MB));
  STEP("nr_hugepages=0", NR("0"));
  return; child: touchbufs(); refds(); write(b[1],"x",1); read(a[0],&x,1);
  STEP("child: reads the shared page that is there", rtouch(s,PG,PG));
  STEP("child: writes both shared ones", wtouch(s,4*MB,2*MB));
  STEP("child: reads all private ones", rtouch(p,6*MB,PG));
  STEP("child: writes the second (copy)", p[2*MB]=3);
  STEP("child: DONTNEED of the third and reads it", madvise(p+4*MB,2*MB,MADV_DONTNEED); rtouch(p+4*MB,PG,PG)); write(b[1],"x",1); read(a[0],&x,1); _exit(0);
}

static void surplus(void){ char*p,*q,*s; int r; volatile long n; hsig();
  STEP("a pool of 4 that may have 6 more", NR("4"); OC("6"));
  STEP("mmap 14MiB private (3 surplus)", p=mmap(0,14*MB,RW,HT,-1,0); ADDR(p));
  STEP("write 4MiB of it", wtouch(p,4*MB,2*MB));
  STEP("mmap 8MiB more (too much)", q=mmap(0,8*MB,RW,HT,-1,0); ADDR(q));
  STEP("mmap 6MiB shared (all)", s=mmap(0,6*MB,RW,HS,-1,0); ADDR(s));
  STEP("nr_overcommit_hugepages=0", OC("0"));
  STEP("write all of both", wtouch(p,14*MB,2*MB); wtouch(s,6*MB,2*MB));
  STEP("nr_hugepages=6 (surplus becomes persistent)", NR("6"));
  STEP("nr_hugepages=12", NR("12"));
  STEP("nr_hugepages=2", NR("2"));
  STEP("munmap half of the private one", munmap(p,6*MB));
  STEP("munmap the shared one", munmap(s,6*MB));
  STEP("munmap the rest", munmap(p+6*MB,8*MB));
  STEP("nr_overcommit_hugepages=3, 16MiB without reserve", OC("3"); q=mmap(0,16*MB,RW,HT|MAP_NORESERVE,-1,0); ADDR(q));
  STEP("write it until SIGBUS", n=0; TRY(for(int i=0;i<8;i++){ q[i*2*MB]=1; n=i+1; }); SIGX(q));
  STEP("POPULATE_WRITE of it", r=madvise(q,16*MB,23); RET);
  STEP("nr_hugepages=0 while in use", NR("0"));
  STEP("munmap it", munmap(q,16*MB));
  STEP("a pool of 3, mmap 8MiB MAP_POPULATE without reserve", OC("0"); NR("3"); q=mmap(0,8*MB,RW,HT|MAP_NORESERVE|MAP_POPULATE,-1,0); ADDR(q));
  STEP("mremap it to 4MiB", q=mremap(q,8*MB,4*MB,0); ADDR(q));
  STEP("mremap it to 8MiB", p=mremap(q,4*MB,8*MB,MREMAP_MAYMOVE); ADDR(p));
  STEP("move it", p=mremap(q,4*MB,4*MB,MREMAP_MAYMOVE|MREMAP_FIXED,0x400000000); ADDR(p));
  STEP("write it there", wtouch(p,4*MB,2*MB));
  STEP("munmap that and nr_hugepages=0", munmap(p,4*MB); NR("0"));
}

int main(int c,char**v){ const char*a=c>1?v[1]:""; mm_init();
  if(!strcmp(a,"shared"))shared(); else if(!strcmp(a,"child"))child(); else if(!strcmp(a,"surplus"))surplus(); return 0; }
