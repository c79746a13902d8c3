mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
echo 16384 > /proc/sys/vm/min_free_kbytes
snap before
run reclaim.jsonl reclaim 64 0 1
snap after
