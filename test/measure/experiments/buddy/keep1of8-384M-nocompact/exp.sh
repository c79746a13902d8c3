mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 192 keep1of8 nocompact
echo
echo "@@@END x"
snap after
