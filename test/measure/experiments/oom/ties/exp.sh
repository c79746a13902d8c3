snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 30 0 &
oomp hold 30 0 &
oomp hold 30 0 &
sleep 3
oomp score before
oomp grow -900 4 150
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
