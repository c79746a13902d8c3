cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo +memory > /cg/t/cgroup.subtree_control
mkdir /cg/t/a
mount -t tmpfs tmpfs /shm
sh -c 'echo $$ > /cg/t/a/cgroup.procs; exec dd if=/dev/zero of=/shm/x bs=1M count=10' 2>/dev/null
echo "@@@END oom0.jsonl"
cgput /cg/t/a 1-a
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/t 1-t
echo "@@@BEGIN oom2.jsonl"
rmdir /cg/t/a
echo "@@@END oom2.jsonl"
cgput /cg/t 2-t
echo "@@@BEGIN oom3.jsonl"
echo 8M > /cg/t/memory.max
sleep 0.5
echo "@@@END oom3.jsonl"
cgput /cg/t 3-t
echo "@@@BEGIN oom4.jsonl"
echo "@@@END oom4.jsonl"
snap after
