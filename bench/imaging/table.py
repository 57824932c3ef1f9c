"""The results as text."""


def of_job(result: dict) -> str:
    """One job: every program at the same SSIMULACRA2."""
    lines = [f"\n{result['job']}   (SSIMULACRA2 {result['equalQuality']} for all; q is what reaches it)"]
    lines.append(f"  {'':14}{'CPU ms':>9}{'times':>7}{'peak MB':>9}{'q':>5}{'bytes':>9}{'SSIM2':>8}   bytes at equal SSIM2; at default q")
    ours = result["programs"]["limpid"]["cpuMs"]
    for name, entry in result["programs"].items():
        equal, own = entry["atEqualQuality"], entry["atDefault"]
        lines.append(
            f"  {name:14}{entry['cpuMs']:9.2f}{entry['cpuMs'] / ours:7.2f}{entry['peakMb']:9.1f}{equal['quality']:5}{equal['bytes']:9}"
            f"{equal['similarity']:8.2f}   {entry['bytesAtEqualQuality']}; q {own['quality']} {own['bytes']} B, {own['similarity']:.2f}"
        )
    return "\n".join(lines)


def of_crowd(result: dict) -> str:
    """Several at once."""
    lines = [f"\n{result['job']}"]
    for name, entry in result["programs"].items():
        if "peakMb" in entry:
            lines.append(f"  {name:14} peak {entry['peakMb']:.1f} MB")
        else:
            rounds = ", ".join(f"{value:.2f}" for value in entry["rounds"])
            lines.append(f"  {name:14} {entry['speedup']:.2f}× (rounds: {rounds})")
    return "\n".join(lines)


def of_bars(results: list[dict], crowds: list[dict]) -> str:
    """Every bar and whether it is met."""
    lines = [f"\n{'work':34}{'best peer':15}{'times':>7}{'bar':>7}{'bytes':>8}{'SSIM2':>7}"]
    for result in results:
        for bar in result["bars"]:
            mark = "pass" if bar["passes"] else "FAIL"
            lines.append(
                f"{result['job']:34}{bar['bestPeer']:15}{bar['times']:7.2f}{bar['bar']:7.2f}"
                f"{bar['sizeRatio'] * 100 - 100:+7.1f}%{bar['similarityAhead']:+7.2f}  {mark}"
            )
    for crowd in crowds:
        verdict = crowd["verdict"]
        mark = "pass" if verdict["passes"] else "FAIL"
        lines.append(f"{crowd['job']:34}{'':15}{verdict['value']:7.2f}{verdict['bar']:7.1f}{'':15}  {mark}")
    return "\n".join(lines)
