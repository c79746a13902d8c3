mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 60 0 &
oomp hold 60 300 &
oomp hold 60 -300 &
oomp hold 20 900 &
sleep 5
oomp score before
oomp grow -1000 4 100
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
