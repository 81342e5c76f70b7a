"""What is looked at before the first step: data, encoders, model, memory and disk; each complaint names the fix.

just doctor <dataset> --recipe demo
"""
