"""ESP32 DevKitC: two amplifiers on a stereo I2S converter, an LSM6DSOX, a DRV2605L with an ERM, a button."""

import select
import sys
import time

import esp32
import machine
import micropython
from machine import ADC, I2C, I2S, PWM, Pin

import board_facts
from mmc_drivers.drv2605l import Drv2605l
from mmc_drivers.esp32 import Board
from mmc_drivers.i2s_adc import I2sAdc
from mmc_drivers.lsm6ds import Lsm6ds
from mmc_drivers.missing import NoFrontEnd, NoImu, NoMotor
from mmc_drivers.power import Power
from mmc_drivers.rmt import CHANNELS_ESP32, DIVIDER, Pulse

_RESET_STATE = 0x3FF48034
_RATED, _CLAMP = 0x8E, 0xB9  # an ERM of 3.0 V, 3.6 V while it starts


def open_board():
    """The board's roles."""
    modules = (machine, esp32, micropython, sys, select)
    board = Board(board_facts, modules, Pin(27, Pin.IN, Pin.PULL_UP), 0, _RESET_STATE)
    i2c = I2C(0, sda=Pin(21), scl=Pin(22), freq=400000)
    enable = Pin(25, Pin.OUT, value=0)

    def open_rmt(number, carrier):
        return esp32.RMT(number, pin=enable, clock_div=DIVIDER, tx_carrier=carrier)

    motor = Drv2605l(i2c, Pulse(enable, open_rmt, CHANNELS_ESP32))
    board.motor = board.begun("motor", motor, lambda: motor.begin(_RATED, _CLAMP), NoMotor())
    imu = Lsm6ds(i2c)
    board.imu = board.begun("imu", imu, lambda: imu.begin(104, 8, 500), NoImu())
    board.power = Power(None, ADC(Pin(26), atten=ADC.ATTN_11DB).read_uv)
    emg = I2sAdc(I2S, (Pin(18), Pin(19), Pin(23)), PWM(Pin(4)), select.poll(), time.ticks_us)
    board.emg = board.begun("emg", emg, emg.begin, NoFrontEnd())
    return board
