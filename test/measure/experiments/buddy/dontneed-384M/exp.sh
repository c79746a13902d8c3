mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 192 dontneed
echo
echo "@@@END x"
snap after
