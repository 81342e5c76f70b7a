"""The diffusion process: noise schedules, prediction targets, timestep sampling. Pure functions.

schedule = VelocitySchedule(shift=1.0)
noisy = schedule.add_noise(clean, noise, timestep=500)
"""
