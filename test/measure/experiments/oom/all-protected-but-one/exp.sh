snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 50 -1000 &
oomp hold 40 -1000 &
oomp hold 20 -999 &
sleep 3
oomp score before
oomp grow -1000 4 120
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
