"""What keeps a CPU from faulting the same memory in again and again."""

from __future__ import annotations

import os
import platform


def allocator_settings() -> dict[str, str]:
    """Environment variables for a process that runs networks on a CPU.

    torch asks for huge pages, and glibc keeps what a batch gave back; each
    batch would otherwise fault its pages in again, a quarter of the time.
    Versions of glibc before 2.35 refuse a threshold above 32 MiB. Other
    systems ignore the settings.
    """
    name, version = platform.libc_ver()
    numbers = tuple(int(n) for n in version.split('.') if n.isdigit())
    recent = name == 'glibc' and numbers >= (2, 35)
    return {
        'THP_MEM_ALLOC_ENABLE': '1',
        'MALLOC_MMAP_THRESHOLD_': str(2**30 if recent else 2**25),
        'MALLOC_TRIM_THRESHOLD_': str(2**30),
    }


def prefer_huge_pages() -> None:
    """Set what still has an effect in a running process, before torch."""
    wanted = allocator_settings()['THP_MEM_ALLOC_ENABLE']
    os.environ.setdefault('THP_MEM_ALLOC_ENABLE', wanted)
