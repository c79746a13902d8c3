mods
ext4mods; mount -t ext4 /dev/vda /mnt
cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
sh -c 'echo $$ > /cg/t/cgroup.procs; exec dd if=/dev/zero of=/mnt/x bs=64k count=128' 2>/dev/null
echo "@@@END oom0.jsonl"
cgput /cg/t 1-dirty
echo "@@@BEGIN oom1.jsonl"
sync
echo "@@@END oom1.jsonl"
cgput /cg/t 2-synced
echo "@@@BEGIN oom2.jsonl"
echo 4M > /cg/t/memory.max
echo "@@@END oom2.jsonl"
cgput /cg/t 3-max-4M
echo "@@@BEGIN oom3.jsonl"
sh -c 'echo $$ > /cg/t/cgroup.procs; exec dd if=/dev/zero of=/mnt/y bs=64k count=256' 2>/dev/null
echo "@@@END oom3.jsonl"
cgput /cg/t 4-more
echo "@@@BEGIN oom4.jsonl"
rm /mnt/x /mnt/y
echo "@@@END oom4.jsonl"
cgput /cg/t 5-removed
snap after
