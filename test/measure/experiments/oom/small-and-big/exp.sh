snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 2 0 &
oomp hold 60 0 &
sleep 4
oomp score before
oomp grow -200 4 400
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
