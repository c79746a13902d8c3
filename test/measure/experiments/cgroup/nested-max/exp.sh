cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
echo 32M > /cg/t/memory.max
echo +memory > /cg/t/cgroup.subtree_control
mkdir /cg/t/a
mkdir /cg/t/b
sh -c 'echo $$ > /cg/t/a/cgroup.procs; exec oomp hold 12 0' &
sh -c 'echo $$ > /cg/t/b/cgroup.procs; exec oomp hold 8 300' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-parent
echo "@@@BEGIN oom1.jsonl"
echo "@@@END oom1.jsonl"
cgput /cg/t/a 1-a
echo "@@@BEGIN oom2.jsonl"
sh -c 'echo $$ > /cg/t/b/cgroup.procs; exec oomp grow 0 2 100'
sleep 0.5
echo "@@@END oom2.jsonl"
cgput /cg/t 2-parent
echo "@@@BEGIN oom3.jsonl"
echo "@@@END oom3.jsonl"
cgput /cg/t/a 2-a
echo "@@@BEGIN oom4.jsonl"
echo "@@@END oom4.jsonl"
cgput /cg/t/b 2-b
echo "@@@BEGIN oom5.jsonl"
echo "@@@END oom5.jsonl"
snap after
