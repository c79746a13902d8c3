mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 192 blocks
echo
echo "@@@END x"
snap after
