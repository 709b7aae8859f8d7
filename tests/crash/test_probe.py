import time, pprint
def test_probe(make_house):
    from tests.crash.steps import prepare, STEPS, PROCESS
    h = make_house()
    for s in STEPS:
        t=time.time(); prepare(h, s); t1=time.time(); r=h.run(PROCESS[s]); print(s, round(t1-t,2), round(time.time()-t1,2), r)
    pprint.pprint(h.end_of(), width=150)
    for e in h.sandbox.requests():
        if e["method"]!="GET": print(e["method"], e["path"])
    print(h.markers())
    pprint.pprint(h.sandbox.job("48213")["history"])
