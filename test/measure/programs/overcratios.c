#include "mm.h"
/* overcommit: for each (mode, ratio): CommitLimit, Committed_AS, largest single mmap (1 MiB search) by type, accounting of each type; root and uid 1000 */
static long mi(const char*k){ struct tab*t=&S1.mi; rd(fd_mi); parse(t); return get(t,k); }
static size_t largest(int prot,int fl){ size_t lo=0,hi=(size_t)1<<27; /* MiB, up to 128 TiB */
  while(hi-lo>1){ size_t m=(lo+hi)/2; char*p=mmap(0,m*MB,prot,fl,-1,0); if(p!=MAP_FAILED){ munmap(p,m*MB); lo=m; } else hi=m; } return lo; }
static size_t total(size_t chunk,int prot,int fl,int maxn){ static void*v[4096]; int n=0; while(n<maxn){ void*p=mmap(0,chunk,prot,fl,-1,0); if(p==MAP_FAILED)break; v[n++]=p; } int k=n; while(n) munmap(v[--n],chunk); return (size_t)k*chunk/MB; }
struct ty{const char*n;int prot,fl;} T[]={{"private_rw",RW,ANON},{"private_rw_noreserve",RW,ANON|MAP_NORESERVE},{"private_readonly",PROT_READ,ANON},{"private_none",PROT_NONE,ANON},{"shared_anon_rw",RW,MAP_SHARED|MAP_ANONYMOUS},{"shared_anon_rw_noreserve",RW,MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE}};
static void probe(const char*who,int mode,int ratio,long kb,const char*tag){
  P("{\"step\":\"%s mode=%d ratio=%d kbytes=%ld %s\",\"mode\":%d,\"ratio\":%d,\"kbytes\":%ld,\"who\":\"%s\",\"MemTotal\":%ld,\"MemFree\":%ld,\"SwapTotal\":%ld,\"CommitLimit\":%ld,\"Committed_AS_before\":%ld",who,mode,ratio,kb,tag,mode,ratio,kb,who,mi("MemTotal"),mi("MemFree"),mi("SwapTotal"),mi("CommitLimit"),mi("Committed_AS"));
  P(",\"largest_single_MiB\":{"); for(int i=0;i<6;i++) P("%s\"%s\":%ld",i?",":"",T[i].n,(long)largest(T[i].prot,T[i].fl));
  P("},\"total_16MiB_chunks_MiB(max 65536)\":{"); for(int i=0;i<6;i++) P("%s\"%s\":%ld",i?",":"",T[i].n,(long)total(16*MB,T[i].prot,T[i].fl,4096));
  P("},\"Committed_AS_delta_kB_of_16MiB\":{"); for(int i=0;i<6;i++){ long a=mi("Committed_AS"); void*p=mmap(0,16*MB,T[i].prot,T[i].fl,-1,0); long b=mi("Committed_AS"); P("%s\"%s\":%ld",i?",":"",T[i].n,p==MAP_FAILED?-1:b-a); if(p!=MAP_FAILED)munmap(p,16*MB); }
  P("},\"Committed_AS_after\":%ld}\n",mi("Committed_AS")); flush(); }
static void as(int uid,int mode,int ratio,long kb,const char*tag){ pid_t c=fork(); if(!c){ touchbufs(); refds(); if(uid&&setuid(uid)){} probe(uid?"uid1000":"root",mode,ratio,kb,tag); _exit(0);} waitpid(c,0,0); }
static void setv(const char*f,long v){ char b[128],s[32]; snprintf(b,128,"/proc/sys/vm/%s",f); snprintf(s,32,"%ld",v); wr(b,s); }
static void acctg(int mode){ char*p,*q; char nm[128]; 
#define A(name,...) do{ long a=mi("Committed_AS"); {__VA_ARGS__;} long b=mi("Committed_AS"); P("{\"step\":\"mode=%d acct: %s\",\"committed_delta_kB\":%ld}\n",mode,name,b-a); flush(); }while(0)
  A("mmap 16MiB private rw", p=amap(16*MB,RW,ANON));
  A("write 8MiB of it", wtouch(p,8*MB,PG));
  A("mprotect 4MiB touched to PROT_READ", mprotect(p,4*MB,PROT_READ));
  A("mprotect back", mprotect(p,4*MB,RW));
  A("mprotect 4MiB untouched to PROT_NONE", mprotect(p+12*MB,4*MB,PROT_NONE));
  A("MADV_DONTNEED 8MiB", madvise(p,8*MB,MADV_DONTNEED));
  A("munmap 4MiB in the middle", munmap(p+4*MB,4*MB));
  A("munmap all", munmap(p,16*MB));
  A("mmap 16MiB private read-only", p=amap(16*MB,PROT_READ,ANON));
  A("mprotect it rw", mprotect(p,16*MB,RW));
  A("mprotect it back read-only", mprotect(p,16*MB,PROT_READ));
  A("munmap it", munmap(p,16*MB));
  A("mmap 16MiB PROT_NONE", p=amap(16*MB,PROT_NONE,ANON));
  A("mprotect 1MiB of it rw", mprotect(p,MB,RW));
  A("munmap it", munmap(p,16*MB));
  A("mmap 16MiB private rw NORESERVE", p=amap(16*MB,RW,ANON|MAP_NORESERVE));
  A("munmap it", munmap(p,16*MB));
  A("mmap 16MiB shared anon", p=amap(16*MB,RW,MAP_SHARED|MAP_ANONYMOUS));
  A("write it", wtouch(p,16*MB,PG));
  A("munmap it", munmap(p,16*MB));
  A("mmap 16MiB shared anon NORESERVE", p=amap(16*MB,RW,MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE));
  A("write 8MiB of it", wtouch(p,8*MB,PG));
  A("munmap it", munmap(p,16*MB));
  int fd=open("/shm/o",O_CREAT|O_RDWR|O_TRUNC,0644); 
  A("ftruncate tmpfs file 8MiB", if(ftruncate(fd,8*MB)){});
  A("mmap tmpfs file shared 8MiB", p=mmap(0,8*MB,RW,MAP_SHARED,fd,0));
  A("write 4MiB of it", wtouch(p,4*MB,PG));
  A("munmap", munmap(p,8*MB));
  A("mmap tmpfs file private rw 8MiB", p=mmap(0,8*MB,RW,MAP_PRIVATE,fd,0));
  A("munmap", munmap(p,8*MB));
  A("mmap tmpfs file private read-only 8MiB", p=mmap(0,8*MB,PROT_READ,MAP_PRIVATE,fd,0));
  A("munmap", munmap(p,8*MB));
  A("close+unlink (frees 4MiB shmem)", close(fd); unlink("/shm/o"));
  A("sbrk(+4MiB)", sbrk(4*MB));
  A("sbrk(-4MiB)", sbrk(-4*(long)MB));
  A("mmap 64MiB + fork: child waits; measured in parent", p=amap(64*MB,RW,ANON); pid_t c=fork(); if(!c){ sleep(1); _exit(0);} usleep(300000); );
  A("child exits", wait(0)); 
  A("mremap 64->96MiB", p=mremap(p,64*MB,96*MB,MREMAP_MAYMOVE); P("{\"step\":\"mode=%d mremap result\",\"ret\":\"%p\",\"errno\":%d}\n",mode,p,p==MAP_FAILED?errno:0));
  if(p!=MAP_FAILED) munmap(p,96*MB); }
int main(int c,char**v){ mm_init(); int R[]={0,200};
  for(int mode=0;mode<3;mode++) for(int r=0;r<2;r++){ if(mode==1&&r) continue; setv("overcommit_ratio",R[r]); setv("overcommit_memory",mode); as(0,mode,R[r],0,""); as(1000,mode,R[r],0,""); }
  setv("overcommit_ratio",50); setv("overcommit_memory",2); setv("overcommit_kbytes",100000); as(0,2,50,100000,"overcommit_kbytes=100000"); as(1000,2,50,100000,"overcommit_kbytes=100000"); setv("overcommit_ratio",50);
  setv("user_reserve_kbytes",0); as(1000,2,50,0,"user_reserve_kbytes=0"); setv("admin_reserve_kbytes",0); as(1000,2,50,0,"user_reserve_kbytes=0 admin_reserve_kbytes=0");
  setv("overcommit_memory",0);
  { setv("nr_hugepages",16); as(0,0,50,0,"nr_hugepages=16"); setv("overcommit_memory",2); as(0,2,50,0,"nr_hugepages=16"); setv("nr_hugepages",0); }
  for(int mode=0;mode<3;mode++){ setv("overcommit_memory",mode); setv("overcommit_ratio",100); acctg(mode);} setv("overcommit_memory",0); return 0; }
