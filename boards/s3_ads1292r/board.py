"""ESP32-S3 with 16 MB: ADS1292R, LSM6DSO, DRV2605L with an LRA, MAX17048, a button."""

import select
import sys

import esp32
import machine
import micropython
from machine import ADC, I2C, SPI, Pin

import board_facts
from mmc_drivers.ads1292r import EDGES, Ads1292r
from mmc_drivers.drv2605l import Drv2605l
from mmc_drivers.esp32 import Board
from mmc_drivers.lsm6ds import Lsm6ds
from mmc_drivers.max17048 import Max17048
from mmc_drivers.missing import NoFrontEnd, NoImu, NoMotor
from mmc_drivers.power import Power
from mmc_drivers.rmt import CHANNELS_ESP32S3, DIVIDER, Pulse

_RESET_STATE = 0x60008038
_RATED, _CLAMP, _RESONANCE_HZ = 0x4B, 0x89, 175  # an LRA of 1.8 V effective, 3.0 V peak


def open_board():
    """The board's roles."""
    modules = (machine, esp32, micropython, sys, select)
    board = Board(board_facts, modules, Pin(4, Pin.IN, Pin.PULL_UP), 0, _RESET_STATE)
    i2c = I2C(0, sda=Pin(8), scl=Pin(18), freq=400000)
    enable = Pin(5, Pin.OUT, value=0)

    def open_rmt(number, carrier):
        return esp32.RMT(number, pin=enable, clock_div=DIVIDER, tx_carrier=carrier)

    motor = Drv2605l(i2c, Pulse(enable, open_rmt, CHANNELS_ESP32S3))
    board.motor = board.begun("motor", motor, lambda: motor.begin(_RATED, _CLAMP, _RESONANCE_HZ), NoMotor())
    imu = Lsm6ds(i2c)
    board.imu = board.begun("imu", imu, lambda: imu.begin(104, 8, 500), NoImu())
    usb_uv = ADC(Pin(6), atten=ADC.ATTN_11DB).read_uv
    gauge = Max17048(i2c)
    board.power = board.begun("power", Power(gauge, usb_uv), gauge.begin, Power(None, usb_uv))
    spi = SPI(1, baudrate=1000000, polarity=0, phase=1, sck=Pin(12), mosi=Pin(11), miso=Pin(13))
    drdy = Pin(9, Pin.IN, Pin.PULL_UP)
    edges = esp32.PCNT(0, min=-EDGES, max=EDGES)  # which begins at 0 again there; machine.Counter has no bound
    edges.init(channel=0, pin=drdy, falling=esp32.PCNT.INCREMENT)
    edges.start()
    cs = (Pin(10, Pin.OUT, value=1),)
    emg = Ads1292r(spi, cs, drdy, edges.value, board_facts.EMG_RATE_HZ, 6, 3, board_facts.EMG_RING_SAMPLES)
    board.emg = board.begun("emg", emg, emg.begin, NoFrontEnd())
    return board
