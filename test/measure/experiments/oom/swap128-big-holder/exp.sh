mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
snap before
echo "@@@BEGIN oom.jsonl"
oomp hold 120 0 &
oomp hold 40 100 &
sleep 4
oomp score before
oomp grow -500 4 1000
sleep 1
oomp score after
sleep 1
echo "@@@END oom.jsonl"
snap after
run who_is_left.txt ps -o pid,ppid,vsz,rss,args
