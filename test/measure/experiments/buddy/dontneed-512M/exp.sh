mount -t debugfs d /sys/kernel/debug
snap before
echo "@@@BEGIN frag.jsonl"
frag 256 dontneed
echo
echo "@@@END x"
snap after
