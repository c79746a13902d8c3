snap before
echo "@@@BEGIN oom.jsonl"
echo 40 > /proc/sys/vm/nr_hugepages
oomp hold 40 0 &
oomp hold 20 300 &
sleep 3
oomp score before
oomp grow 0 4 1000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
