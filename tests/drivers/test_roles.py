"""Drivers fit the roles that the app takes: the same calls with the same arguments as the simulated parts."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
from conformance import esp32_adc as adc_rig
from conformance import i2s_adc as dma_rig
from conformance import mpu6050 as imu_rig

from mmc_device.sampler import Sampler
from mmc_drivers import ads1292r, drv2605l, erm, esp32_adc, i2s_adc, lsm6ds, max17048, mpu6050
from mmc_sim.body import Body, Imu
from mmc_sim.wearable import Motor, Power

ROLES = {
    "emg": (Body, "begin read_into take_lost lead_off late_us stop"),
    "imu": (Imu, "read_into"),
    "motor": (Motor, "on off"),
}
PARTS = {
    ads1292r.Ads1292r: "emg",
    esp32_adc.Esp32Adc: "emg",
    i2s_adc.I2sAdc: "emg",
    lsm6ds.Lsm6ds: "imu",
    mpu6050.Mpu6050: "imu",
    drv2605l.Drv2605l: "motor",
    erm.Erm: "motor",
}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_driver_has_the_calls_of_its_role(part: type) -> None:
    simulated, verbs = ROLES[PARTS[part]]
    for verb in verbs.split():
        theirs = inspect.signature(getattr(simulated, verb)).parameters.values()
        ours = inspect.signature(getattr(part, verb)).parameters.values()
        assert [each.kind for each in ours] == [each.kind for each in theirs], verb
    assert callable(part.begin) and callable(part.stop)  # type: ignore[attr-defined]


def test_the_gauge_has_the_call_of_its_role() -> None:
    assert inspect.signature(max17048.Max17048.percent) == inspect.signature(Power.percent)


def test_the_sampler_takes_a_front_end_and_an_imu_that_are_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten blocks, a stall, and what is after it, through the sampler itself."""
    monkeypatch.setattr(mpu6050, "time", mpu6050.time)
    emg, timer, time = adc_rig.build(esp32_adc, (lambda us: 1651, lambda us: 1649), ring_samples=64)
    imu, _, chip, imu_time = imu_rig.build(mpu6050)
    imu.begin(100, 8, 2000)
    chip.accel_mg[:] = 0, 0, 1000
    sampler = Sampler(emg, imu, SimpleNamespace(EMG_CHANNELS=2))
    sampler.wake(0)
    sampler.restart()
    for _ in range(10):
        timer.run_us(10_000)
        imu_time.sleep_ms(10)
        assert sampler.next_block() and not sampler.next_block()
        assert list(sampler.block) == [1, -1] * 10 and list(sampler.reading or []) == [0, 0, 4096, 0, 0, 0]
    timer.hold()
    timer.run_us(150_000)
    timer.release()
    assert not sampler.next_block() and sampler.take_lost() == 150
    timer.run_us(10_000)
    assert sampler.next_block() and sampler.reading is None  # the IMU's time stood still
    assert sampler.t_samples == 260 == time.now_us // 1000


def test_the_sampler_rides_out_150_ms_on_dma_and_counts_what_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i2s_adc, "time", i2s_adc.time)
    emg, bus, time, _ = dma_rig.build(i2s_adc, dma_rig.wave)
    sampler = Sampler(emg, SimpleNamespace(read_into=lambda reading: False), SimpleNamespace(EMG_CHANNELS=2))
    sampler.wake(0)
    began_us = time.now_us
    sampler.restart()

    def run(us: int) -> None:
        bus.run_us(us)
        while sampler.next_block() or sampler.take_lost():
            pass

    for _ in range(20):
        for _ in range(10):
            run(10_000)
        run(150_000)
    run(10_000)
    assert sampler.lost_samples == 0 and 0 <= (time.now_us - began_us) // 1000 - sampler.samples < 36
    run(500_000)
    for _ in range(10):
        run(10_000)
    assert 480 <= sampler.lost_samples <= 545
    assert 0 <= (time.now_us - began_us) // 1000 - sampler.t_samples < 36
