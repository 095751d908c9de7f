//! CUDA device set up for decode steps, which are as many as tokens and as short as kernel launches
//! allow.

use candle_core::{
    Device, Result,
    cuda_backend::{
        WrapErr,
        cudarc::driver::{result, sys::CUmemPool_attribute},
    },
};

/// Opens GPU `number` with one stream for all threads and a memory pool that keeps what it once
/// took.
///
/// # Errors
/// There is no such GPU, or its driver is too old.
pub(super) fn open(number: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(number)?;
    let cuda = device.as_cuda_device()?;
    // Without this each tensor makes two events, so that streams can wait for each other.
    #[expect(unsafe_code, reason = "candle leaves the proof to its user")]
    // SAFETY: everything on this device runs on its one stream, in the order in which it was
    // submitted.
    unsafe {
        cuda.disable_event_tracking();
    }
    keep_memory(cuda.cuda_stream().context().cu_device()).w()?;
    Ok(device)
}

/// Keeps freed memory in the pool. By default it goes back to the driver at each synchronization
/// and the next step asks for it again.
fn keep_memory(device: i32) -> std::result::Result<(), result::DriverError> {
    let mut most = u64::MAX;
    let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    #[expect(unsafe_code, reason = "cudarc has no safe call for it")]
    // SAFETY: the device is open, its pool lives as long as it does, and this attribute is a 64-bit
    // number, which is read before the call ends (CUDA Driver API, cuMemPoolSetAttribute).
    unsafe {
        let pool = result::device::get_default_mem_pool(device)?;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut most).cast())
    }
}
