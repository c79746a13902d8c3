cgmount; echo +memory > /cg/cgroup.subtree_control
snap before
echo "@@@BEGIN oom0.jsonl"
mkdir /cg/t
mkdir /cg/u
sh -c 'echo $$ > /cg/t/cgroup.procs; exec oomp hold 12 0' &
sleep 2
echo "@@@END oom0.jsonl"
cgput /cg/t 1-t
echo "@@@BEGIN oom1.jsonl"
echo $(pidof oomp) > /cg/u/cgroup.procs
echo "@@@END oom1.jsonl"
cgput /cg/t 2-t
echo "@@@BEGIN oom2.jsonl"
echo "@@@END oom2.jsonl"
cgput /cg/u 2-u
echo "@@@BEGIN oom3.jsonl"
sh -c 'echo $$ > /cg/u/cgroup.procs; exec oomp grow 0 2 10'
echo "@@@END oom3.jsonl"
cgput /cg/u 3-u
echo "@@@BEGIN oom4.jsonl"
echo "@@@END oom4.jsonl"
snap after
