import time
from tests.flows.referral_run import Program, a_campaign, referral_shop, run
from tests.flows.conftest import prefect_server
from tests.tasks.conftest import Counter, counter
async def test_x(counter):
    counter.use(referral_shop(a_campaign()))
    program = Program(counter)
    friend = await program.referrer("robin@example.com")
    for n in range(6):
        t=time.time(); await run(); print("pass", n, round(time.time()-t,2))
        await program.lead(friend["code"], f"lee{n}@example.com")
    for n in range(30):
        await program.lead(friend["code"], f"mee{n}@example.com")
    t=time.time(); r=await run(); print("pass30", round(time.time()-t,2), len(r.items))
    c=await counter.calls()
    print(len(c))
    from collections import Counter as C
    for k,v in C(c).most_common(30): print(v,k)
