snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 30 -500 &
sleep 2
oomp score before
oomp grow 100 4 400 20 &
oomp grow 0 4 400 20
sleep 2
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
