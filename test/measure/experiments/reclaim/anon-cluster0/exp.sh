mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
echo 0 > /proc/sys/vm/page-cluster
snap before
run reclaim.jsonl reclaim 64 0 1
snap after
