/* maps WHAT: mappings that are shared, cut, locked, limited; and parts of huge pages. One function an experiment. */
#include "mm.h"
static sigjmp_buf jb; static volatile int g_sig,g_code; static void*volatile g_addr; static char altstk[65536], vec[4096];
static void onsig(int s,siginfo_t*i,void*u){ g_sig=s; g_code=i->si_code; g_addr=i->si_addr; siglongjmp(jb,1); }
static void hsig(void){ stack_t ss={.ss_sp=altstk,.ss_size=sizeof altstk}; memset(altstk,0,sizeof altstk); sigaltstack(&ss,0); struct sigaction a={0}; a.sa_sigaction=onsig; a.sa_flags=SA_SIGINFO|SA_ONSTACK|SA_NODEFER; sigaction(SIGSEGV,&a,0); sigaction(SIGBUS,&a,0); }
#define TRY(code) do{ g_sig=0; g_code=0; g_addr=0; if(!sigsetjmp(jb,1)){ code; } }while(0)
#define SIGX(base) XF("\"sig\":%d,\"si_code\":%d,\"si_addr\":\"%p\",\"base\":\"%p\"",g_sig,g_code,g_addr,(void*)(base))
#define RET XF("\"ret\":%d,\"errno\":%d",r,r<0?errno:0)

static void shared(void){ char*s,*p,*q,*q0; int r; long n; int fd=open("/shm/s",O_CREAT|O_RDWR,0644); if(ftruncate(fd,4*MB)){} hsig();
  STEP("map 4MiB of a hole private and shared", p=mmap(0,4*MB,RW,MAP_PRIVATE,fd,0); s=mmap(0,4*MB,RW,MAP_SHARED,fd,0));
  STEP("read 1MiB of it through the private one", rtouch(p,MB,PG));
  STEP("write 2MiB of it through the shared one", wtouch(s,2*MB,PG));
  STEP("read 2MiB through the private one (fault-around)", rtouch(p,2*MB,PG));
  STEP("write 64 pages of the private one (copies)", wtouch(p,64*PG,PG));
  STEP("mincore of the shared one", n=resident(s,4*MB); XF("\"value\":%ld",n));
  STEP("mincore of the private one", n=resident(p,4*MB); XF("\"value\":%ld",n));
  STEP("truncate to 1MiB", r=ftruncate(fd,MB); RET);
  STEP("read the shared one behind the end", TRY(sink=s[MB]); SIGX(s));
  STEP("read the private one behind the end", TRY(sink=p[MB]); SIGX(s));
  STEP("write one of the copies before the end (no fault)", p[0]=1);
  STEP("truncate to 3MiB (a hole again)", r=ftruncate(fd,3*MB); RET);
  STEP("write 1MiB behind what was the end", wtouch(s+MB,MB,PG));
  STEP("punch a hole of 512KiB (MADV_REMOVE)", r=madvise(s+MB,MB/2,MADV_REMOVE); RET);
  STEP("MADV_REMOVE through the private one", r=madvise(p,MB,MADV_REMOVE); RET);
  STEP("DONTNEED of the shared one keeps the file", r=madvise(s,4*MB,MADV_DONTNEED); RET);
  STEP("read it again", rtouch(s,2*MB,PG));
  STEP("DONTNEED of the private one drops the copies", r=madvise(p,4*MB,MADV_DONTNEED); RET);
  STEP("msync", r=msync(s,4*MB,MS_SYNC); RET);
  STEP("mmap 2MiB shared anonymous, write half", q=amap(2*MB,RW,MAP_SHARED|MAP_ANONYMOUS); wtouch(q,MB,PG));
  STEP("grow it to 4MiB by mremap", q0=q; q=mremap(q,2*MB,4*MB,MREMAP_MAYMOVE));
  STEP("touch behind its own 2MiB", TRY(q[2*MB]=1); SIGX(q0));
  STEP("unmap it", munmap(q,4*MB)); }

static void locked(void){ char*p,*q; int r;
  STEP("mlock over a hole: ENOMEM, what is before it stays locked", p=amap(MB,RW,ANON); munmap(p+MB/2,4*PG); r=mlock(p,MB); RET);
  STEP("munlock the middle of a locked half", r=munlock(p+64*PG,8*PG); RET);
  STEP("munmap it", munmap(p,MB));
  STEP("mlock 1MiB PROT_NONE", p=amap(MB,PROT_NONE,ANON); r=mlock(p,MB); RET);
  STEP("mprotect it readable (locked, not populated)", r=mprotect(p,MB,PROT_READ); RET);
  STEP("mprotect it writable (populated)", r=mprotect(p,MB,RW); RET);
  STEP("DONTNEED of locked memory", r=madvise(p,MB,MADV_DONTNEED); RET);
  STEP("DONTNEED_LOCKED of it", r=madvise(p,MB,24); RET);
  STEP("write it again", wtouch(p,MB,PG));
  STEP("mremap it to 2MiB (the rest is populated)", p=mremap(p,MB,2*MB,MREMAP_MAYMOVE));
  STEP("munmap it all", munmap(p,2*MB));
  STEP("mlock2 ONFAULT of 1MiB half written", p=amap(MB,RW,ANON); wtouch(p,MB/2,PG); r=mlock2(p,MB,MLOCK_ONFAULT); RET);
  STEP("write the other half", wtouch(p+MB/2,MB/2,PG));
  STEP("mlock it (populates nothing new)", r=mlock(p,MB); RET);
  STEP("mlockall(MCL_FUTURE|MCL_ONFAULT) then mmap 1MiB", r=mlockall(MCL_FUTURE|MCL_ONFAULT); q=amap(MB,RW,ANON); RET);
  STEP("write a quarter of it", wtouch(q,MB/4,PG));
  STEP("mlockall(MCL_FUTURE) then mmap 1MiB (populated)", r=mlockall(MCL_FUTURE); q=amap(MB,RW,ANON); RET);
  STEP("munlockall", r=munlockall(); RET);
  STEP("mmap 1MiB (not locked any more) and write it", q=amap(MB,RW,ANON); wtouch(q,MB,PG)); }

static void parts(void){ char*p,*q; int r; char*a=(char*)0x400000000; a=mmap(a,16*MB,RW,ANON|MAP_FIXED,-1,0); 
  STEP("write 16MiB (8 huge pages)", wtouch(a,16*MB,PG));
  STEP("WILLNEED of a part (no split)", r=madvise(a,MB,MADV_WILLNEED); RET);
  STEP("MADV_FREE of half a huge page (the page is split)", r=madvise(a,MB,MADV_FREE); RET);
  STEP("MADV_COLD of one small page (split)", r=madvise(a+2*MB+8*PG,PG,MADV_COLD); RET);
  STEP("MADV_COLD of a whole huge page (no split)", r=madvise(a+4*MB,2*MB,MADV_COLD); RET);
  STEP("mprotect half of the 4th read-only (entry is split)", r=mprotect(a+6*MB,MB,PROT_READ); RET);
  STEP("and writable again", r=mprotect(a+6*MB,MB,RW); RET);
  STEP("write that half (small entries are clean)", wtouch(a+6*MB,MB,PG));
  STEP("DONTNEED of 64 pages of the 5th", r=madvise(a+8*MB,64*PG,MADV_DONTNEED); RET);
  STEP("write them again", wtouch(a+8*MB,64*PG,PG));
  STEP("COLLAPSE less than a huge page", r=madvise(a+8*MB,MB,25); RET);
  STEP("COLLAPSE it", r=madvise(a+8*MB,2*MB,25); RET);
  STEP("write a huge page of its own", p=mmap((char*)0x480000000,2*MB,RW,ANON|MAP_FIXED,-1,0); wtouch(p,2*MB,PG));
  STEP("move it by mremap to an aligned place", p=mremap(p,2*MB,2*MB,MREMAP_MAYMOVE|MREMAP_FIXED,0x500000000));
  STEP("move it to a place that is not", p=mremap(p,2*MB,2*MB,MREMAP_MAYMOVE|MREMAP_FIXED,0x600001000));
  STEP("write it there (no fault)", wtouch(p,2*MB,PG));
  STEP("mlock half of the 7th", r=mlock(a+12*MB,MB); RET);
  STEP("munlock it", r=munlock(a+12*MB,MB); RET);
  STEP("NOHUGEPAGE of the 8th (stays huge)", r=madvise(a+14*MB,2*MB,MADV_NOHUGEPAGE); RET);
  STEP("DONTNEED and write the 8th (small pages)", madvise(a+14*MB,2*MB,MADV_DONTNEED); wtouch(a+14*MB,2*MB,PG));
  STEP("munmap all", munmap(a,16*MB); munmap(p,2*MB)); }

int main(int c,char**v){ const char*a=c>1?v[1]:""; mm_init(); 
  if(!strcmp(a,"shared"))shared(); else if(!strcmp(a,"locked"))locked(); else if(!strcmp(a,"parts"))parts(); return 0; }
