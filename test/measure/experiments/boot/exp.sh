
refresh
for f in meminfo zoneinfo buddyinfo pagetypeinfo vmstat slabinfo iomem cmdline swaps stat loadavg uptime vmallocinfo modules cpuinfo; do put /proc/$f $f; done
run sys_vm.txt vmsysctl
put /sys/kernel/mm/transparent_hugepage/enabled thp_enabled
put /sys/kernel/mm/lru_gen/enabled lru_gen_enabled
