"""ESP32 DevKitC: two MyoWare 2.0 on the chip's own ADC, an MPU-6050, a motor on a transistor, a button."""

import select
import sys
import time

import esp32
import machine
import micropython
from machine import ADC, I2C, Pin, Timer

import board_facts
from mmc_drivers.erm import Erm
from mmc_drivers.esp32 import Board
from mmc_drivers.esp32_adc import Esp32Adc
from mmc_drivers.missing import NoImu
from mmc_drivers.mpu6050 import Mpu6050
from mmc_drivers.power import Power
from mmc_drivers.rmt import CHANNELS_ESP32, DIVIDER, Pulse

_RESET_STATE = 0x3FF48034


def open_board():
    """The board's roles."""
    modules = (machine, esp32, micropython, sys, select)
    board = Board(board_facts, modules, Pin(27, Pin.IN, Pin.PULL_UP), 0, _RESET_STATE)
    motor = Pin(25, Pin.OUT, value=0)

    def open_rmt(number, carrier):
        return esp32.RMT(number, pin=motor, clock_div=DIVIDER, tx_carrier=carrier)

    board.motor = Erm(Pulse(motor, open_rmt, CHANNELS_ESP32))
    adcs = [(number, ADC(Pin(number), atten=ADC.ATTN_11DB)) for number in (34, 35)]
    board.emg = Esp32Adc(adcs, Timer(0), time.ticks_us, board_facts.EMG_RATE_HZ, board_facts.EMG_RING_SAMPLES)
    imu = Mpu6050(I2C(0, sda=Pin(21), scl=Pin(22), freq=400000))
    board.imu = board.begun("imu", imu, lambda: imu.begin(board_facts.IMU_RATE_HZ, 8, 1000), NoImu())
    board.power = Power(None, ADC(Pin(26), atten=ADC.ATTN_11DB).read_uv)
    return board
