mods; mkswap /dev/vda >/dev/null; swapon /dev/vda; put /proc/swaps swaps.txt
echo 500 > /proc/sys/vm/watermark_scale_factor
snap before
run reclaim.jsonl reclaim 64 0 1
snap after
