"""Loaded by Python itself when moto starts (PYTHONPATH): what moto 5.2 does unlike AWS, and what it does slowly."""

import corrections
import faster_http
import faster_reads
import faster_s3
import faster_sqs

corrections.apply()
faster_http.apply()
faster_reads.apply()
faster_s3.apply()
faster_sqs.apply()
