"""Real processes, really killed.

How the killing works
---------------------
Everything runs for real: a sandbox process speaks the vendors' HTTP, a mail server of the test takes the mails, one
Prefect server serves the whole session, and every pass is a worker process of its own, in its own process group:
`truckroll run diagnosis-watch`, `run parts-loop`, `run eta-watch`. Each test has a fresh TRUCKROLL_HOME, and so a
fresh ledger, and a sandbox set back to its seed.

1. The test arms a fault in the sandbox for one write: `stall_before` (the write arrived, nothing is done, no answer)
   or `stall_after` (it is done, the answer is kept back). Mails stall in the same two ways in the mail server.
2. The worker is started. When the vendor says that a request hangs in the fault, the worker stands exactly before, or
   after, that write: its process group gets SIGKILL. No handler runs, no lease is given back.
3. The fault is cleared. For `stall_before` the vendor drops the request, since its caller is gone.
4. The same pass is started again, as its schedule would, and the loop goes on to the arrival of the part. What stands
   at the vendors then, and in the ledger, is compared with a loop that nobody disturbed.

Starting Python with Prefect takes seconds. So most workers are forked from a server that has imported everything and
opened nothing (`multiprocessing`'s forkserver, `warm.py`); they run the very command line. In `test_orders` the killed
pass and the one after it are the plain command.

- `test_killed.py`: killed before and after every write of the loop, and while it reads; every answer lost once.
- `test_orders.py`: the purchase order, whose outcome only a person can tell; two workers at once.
- `test_random_kills.py`: three jobs, killed at random moments, over and over.
- `test_store_orders.py`: one store order that takes every kind of write, killed before and after each, and at reads; every
  answer lost; two workers at once. `sales.py` has its calls, and what must stand in ServiceTitan in the end.
- `test_samples_at_random.py`: the contract's sample orders, five times each, in random order, killed at random calls.
- `test_referrals.py`: referred people, from the sign-up to the qualification, killed at every write, read and row; lost and
  refused answers; two workers at once; and a season of 200 people, killed twenty times. `referrals.py` has the rest.
"""
