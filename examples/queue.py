"""Puts a job into the queue and waits for its end. Needs pika.

    RECTO_AMQP_URL=amqp://… python3 examples/queue.py s3://archive/in/a.pdf s3://archive/out/
"""
import json
import os
import sys
import uuid

import pika

channel = pika.BlockingConnection(pika.URLParameters(os.environ["RECTO_AMQP_URL"])).channel()
mine = channel.queue_declare("", exclusive=True).method.queue
for step in ("ended", "dead-lettered"):
    channel.queue_bind(mine, "recto.jobs.events", step)
job = {"schema": "recto.job/v1", "id": str(uuid.uuid4()), "source": {"uri": sys.argv[1]}, "output": sys.argv[2]}
channel.confirm_delivery()
channel.basic_publish("", "recto.jobs", json.dumps(job), pika.BasicProperties(delivery_mode=2), mandatory=True)
for _, _, body in channel.consume(mine, auto_ack=True):
    event = json.loads(body)
    if event["id"] == job["id"]:
        print(json.dumps(event, indent=2))
        break
